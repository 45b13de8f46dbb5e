-- Every right, role and property through which one tenant could reach another, from the catalog as a set:
-- what the attempts sample, this proves for all tenants and all their things at once.
WITH RECURSIVE tenants AS (
    SELECT t.slug, t.schema_name, n.oid AS schema_id, r.oid AS role_id
    FROM public.tenant AS t
    JOIN pg_namespace AS n ON n.nspname = t.schema_name
    JOIN pg_roles AS r ON r.rolname = t.role_name
),
-- The roles whose rights a tenant has: its own, and those it belongs to, however far up.
reach AS (
    (SELECT role_id AS id FROM tenants UNION SELECT oid FROM pg_roles WHERE rolname = 'steward_tenant')
    UNION
    SELECT m.roleid FROM pg_auth_members AS m JOIN reach ON reach.id = m.member
),
-- Whoever has rights in a tenant's schema without being that tenant. The login must not have any without a role.
strangers AS (
    SELECT 0::oid AS id
    UNION SELECT id FROM reach
    UNION SELECT oid FROM pg_roles WHERE rolname = %(login)s
),
rights AS (
    SELECT n.oid AS schema_id, 'schema' AS kind, quote_ident(n.nspname) AS thing, a.grantee, a.privilege_type
    FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
    UNION ALL
    SELECT c.relnamespace, 'relation', c.oid::regclass::text, a.grantee, a.privilege_type
    FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a WHERE c.relkind NOT IN ('i', 'I', 't', 'c')
    UNION ALL
    SELECT c.relnamespace, 'column', c.oid::regclass || '.' || quote_ident(o.attname), a.grantee, a.privilege_type
    FROM pg_attribute AS o JOIN pg_class AS c ON c.oid = o.attrelid CROSS JOIN LATERAL aclexplode(o.attacl) AS a
    WHERE o.attacl IS NOT NULL
    UNION ALL
    SELECT p.pronamespace, 'function', p.oid::regprocedure::text, a.grantee, a.privilege_type
    FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
    WHERE a.grantee <> 0 -- everybody may run functions by default, and without the schema's USAGE nobody can
    UNION ALL
    SELECT t.typnamespace, 'type', t.oid::regtype::text, a.grantee, a.privilege_type
    FROM pg_type AS t CROSS JOIN LATERAL aclexplode(t.typacl) AS a WHERE a.grantee <> 0
    UNION ALL
    SELECT d.defaclnamespace, 'future ' || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
        WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END,
        coalesce(quote_ident(n.nspname), 'every schema'), a.grantee, a.privilege_type
    FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
    WHERE NOT (a.grantee = 0 AND d.defaclobjtype IN ('f', 'T'))
),
named AS (SELECT oid AS id, rolname::text AS name FROM pg_roles UNION ALL SELECT 0::oid, 'everybody (PUBLIC)'),
found AS (
    SELECT t.slug, 'grant' AS sort, named.name AS who, r.privilege_type || ' on ' || r.kind || ' ' || r.thing AS what
    FROM rights AS r JOIN tenants AS t USING (schema_id) JOIN strangers AS s ON s.id = r.grantee
    JOIN named ON named.id = r.grantee WHERE r.grantee <> t.role_id
    UNION ALL -- what all share: a tenant may hand work over, and read nothing
    SELECT '', 'grant', named.name, r.privilege_type || ' on ' || r.kind || ' ' || r.thing
    FROM rights AS r JOIN named ON named.id = r.grantee
    WHERE (r.schema_id = 'public'::regnamespace OR r.schema_id = 0) AND (r.grantee = 0 OR r.grantee IN (SELECT id FROM reach))
      AND r.kind <> 'function'
      AND NOT (r.kind = 'schema' AND r.privilege_type = 'USAGE')
      AND NOT (r.privilege_type = 'INSERT' AND r.thing ~ '^(public\.)?(job_step|outbox\.(id|job|args|actor|request_id))$')
      AND NOT (r.kind = 'relation' AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass
          AND d.objid = r.thing::regclass AND d.deptype = 'e'))
    UNION ALL
    SELECT t.slug, 'membership', coalesce(t.slug, m.member::regrole::text), 'is a member of the role ' || m.roleid::regrole
    FROM pg_auth_members AS m JOIN reach ON reach.id = m.member LEFT JOIN tenants AS t ON t.role_id = m.member
    WHERE m.roleid <> (SELECT oid FROM pg_roles WHERE rolname = 'steward_tenant')
    UNION ALL
    SELECT t.slug, 'property', r.rolname::text, concat_ws(', ',
        CASE WHEN r.rolsuper THEN 'is a superuser' END, CASE WHEN r.rolcreaterole THEN 'may make roles' END,
        CASE WHEN r.rolcreatedb THEN 'may make databases' END, CASE WHEN r.rolreplication THEN 'may replicate' END,
        CASE WHEN r.rolbypassrls THEN 'passes row-level security' END)
    FROM pg_roles AS r JOIN reach ON reach.id = r.oid LEFT JOIN tenants AS t ON t.role_id = r.oid
    WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    UNION ALL
    SELECT t.slug, 'ownership', d.refobjid::regrole::text, 'owns ' || count(*) || ' things, and may grant rights on them'
    FROM pg_shdepend AS d JOIN reach ON reach.id = d.refobjid LEFT JOIN tenants AS t ON t.role_id = d.refobjid
    WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
    GROUP BY t.slug, d.refobjid
    UNION ALL
    SELECT '', 'database', named.name, a.privilege_type || ' on the database'
    FROM pg_database AS d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    JOIN named ON named.id = a.grantee
    WHERE d.datname = current_database() AND (a.grantee = 0 OR a.grantee IN (SELECT id FROM reach))
    UNION ALL -- the caller's search path decides which tables such a function reads with its owner's rights,
    -- unless they were bound when it was made (BEGIN ATOMIC)
    SELECT coalesce(t.slug, ''), 'function', p.proowner::regrole::text,
        'lends its rights through ' || p.oid::regprocedure || ', whose search_path is not fixed'
    FROM pg_proc AS p LEFT JOIN tenants AS t ON t.schema_id = p.pronamespace
    WHERE p.prosecdef AND p.prosqlbody IS NULL AND (t.schema_id IS NOT NULL OR p.pronamespace = 'public'::regnamespace)
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search\_path=%%')
)
SELECT coalesce(slug, '') AS slug, sort, who, what FROM found ORDER BY 1, 2, 3, 4 LIMIT 500
