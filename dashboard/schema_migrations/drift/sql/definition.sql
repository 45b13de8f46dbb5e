-- Every definition of the schemas of one database as text, in words where that is shorter to read than to look up. The names that
-- belong to one schema alone are left out, so that schemas can be compared: its own, that of `other` (a schema it may point at), and
-- that of the tenant's role. Rights that nobody changed are written out, as they would be after GRANT and REVOKE.
-- Rights are sorted with our own logins last: a spare_1 would stand before steward_owner, a tenant behind it.
-- What belongs to a table is looked up table by table (OFFSET 0 keeps it so): the catalogs of a large fleet are too big to be read through.
-- Large tables of some tenants are partitioned by month (tenants/growth): that is no drift, and their partitions are left out.
-- The caller's search_path is empty, so that names are printed with their schema. What reads `clean` follows behind it.
WITH wanted AS (
    SELECT n.oid, w.schema, n.nspowner, n.nspacl, quote_ident(w.schema) || '.' AS prefix,
        quote_ident(w.other) || '.' AS other, quote_ident(w.role) AS role
    FROM unnest(CAST(:schemas AS text []), CAST(:roles AS text []), CAST(:others AS text [])) AS w (schema, role, other)
    JOIN pg_namespace AS n ON n.nspname = w.schema
),
rel AS MATERIALIZED (
    SELECT c.oid, c.relnamespace, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
        c.reloptions, c.relpersistence, c.relreplident, c.relhasindex, c.relhastriggers, c.relhasrules
    FROM pg_class AS c WHERE c.relnamespace = ANY (ARRAY(SELECT w.oid FROM wanted AS w)) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 'f')
        AND NOT c.relispartition
),
found AS (
    SELECT w.oid AS namespace, 'schema' AS kind, 'itself' AS name, concat('owner ', w.nspowner::regrole, ', rights ',
        (SELECT string_agg(a::text, ' ' ORDER BY left(a::text, 7) = 'steward', a::text COLLATE "C")
            FROM unnest(coalesce(w.nspacl, acldefault('n', w.nspowner))) AS a)) AS body
    FROM wanted AS w
    UNION ALL
    SELECT r.relnamespace,
        CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, r.relname::text,
        concat_ws(', ',
            CASE r.relkind WHEN 'p' THEN nullif('partitioned by ' || pg_get_partkeydef(r.oid), 'partitioned by RANGE (id)')
                WHEN 'm' THEN 'materialized' WHEN 'f' THEN 'foreign' END,
            CASE r.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END,
            'owner ' || r.relowner::regrole::text,
            CASE WHEN r.relrowsecurity THEN 'row security' END, CASE WHEN r.relforcerowsecurity THEN 'forced' END,
            CASE r.relreplident WHEN 'f' THEN 'replica identity full' WHEN 'i' THEN 'replica identity index' END,
            array_to_string(r.reloptions, ', '),
            'rights ' || (SELECT string_agg(a::text, ' ' ORDER BY left(a::text, 7) = 'steward', a::text COLLATE "C") FROM unnest(coalesce(
                r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, r.relowner))) AS a))
    FROM rel AS r WHERE r.relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT r.relnamespace, 'sequence', r.relname || ' counts', format('%s from %s by %s, %s to %s, cache %s%s',
        format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
        CASE WHEN s.seqcycle THEN ', cycle' END)
    FROM rel AS r CROSS JOIN LATERAL (SELECT q.* FROM pg_sequence AS q WHERE q.seqrelid = r.oid OFFSET 0) AS s
    WHERE r.relkind = 'S'
    UNION ALL
    SELECT r.relnamespace, 'column', r.relname || '.' || a.attname, concat_ws(', ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation NOT IN (0, 100) THEN 'collate ' || a.attcollation::regcollation::text END,
        CASE WHEN a.attnotnull THEN 'not null' END,
        CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
        CASE WHEN a.atthasdef THEN CASE a.attgenerated WHEN '' THEN 'default ' ELSE 'generated as ' END
            || (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d WHERE d.adrelid = r.oid AND d.adnum = a.attnum) END,
        CASE WHEN a.attstattarget >= 0 THEN 'statistics ' || a.attstattarget END, array_to_string(a.attoptions, ', '),
        CASE WHEN a.attacl IS NOT NULL THEN 'rights '
            || (SELECT string_agg(x::text, ' ' ORDER BY left(x::text, 7) = 'steward', x::text COLLATE "C") FROM unnest(a.attacl) AS x) END)
    FROM rel AS r CROSS JOIN LATERAL (
        SELECT q.* FROM pg_attribute AS q WHERE q.attrelid = r.oid AND q.attnum > 0 AND NOT q.attisdropped OFFSET 0) AS a
    WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT r.relnamespace, 'constraint', r.relname || '.' || k.conname, CASE WHEN k.contype <> 'n' THEN pg_get_constraintdef(k.oid)
        ELSE concat_ws(', ', 'not null', CASE WHEN NOT k.convalidated THEN 'NOT VALID' END, CASE WHEN k.connoinherit THEN 'no inherit' END) END
    FROM rel AS r CROSS JOIN LATERAL (SELECT q.* FROM pg_constraint AS q WHERE q.conrelid = r.oid OFFSET 0) AS k WHERE r.relkind IN ('r', 'p', 'f')
    UNION ALL
    SELECT r.relnamespace, 'index', r.relname::text, concat_ws(', ',
        CASE WHEN i.indisprimary THEN 'of the primary key' ELSE replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') END,
        CASE WHEN NOT i.indisvalid THEN 'NOT VALID' END, CASE WHEN i.indisreplident THEN 'replica identity' END,
        CASE WHEN i.indisclustered THEN 'clustered' END)
    FROM rel AS r CROSS JOIN LATERAL (SELECT q.* FROM pg_index AS q WHERE q.indexrelid = r.oid OFFSET 0) AS i WHERE r.relkind IN ('i', 'I')
    UNION ALL
    SELECT r.relnamespace, 'trigger',
        r.relname || '.' || CASE WHEN t.tgisinternal THEN 'of a constraint to ' || t.tgconstrrelid::regclass::text ELSE t.tgname::text END,
        concat_ws(', ', CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END,
            CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'A' THEN 'always' WHEN 'R' THEN 'on replicas only' END)
    FROM rel AS r CROSS JOIN LATERAL (
        SELECT q.* FROM pg_trigger AS q WHERE q.tgrelid = r.oid AND (NOT q.tgisinternal OR q.tgenabled <> 'O') OFFSET 0) AS t WHERE r.relhastriggers
    UNION ALL
    SELECT r.relnamespace, 'policy', r.relname || '.' || p.polname,
        concat_ws(', ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
            'for ' || p.polcmd::text, 'to ' || p.polroles::regrole []::text, 'using ' || pg_get_expr(p.polqual, p.polrelid),
            'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p JOIN rel AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT r.relnamespace, 'rule', r.relname || '.' || u.rulename, concat_ws(', ', pg_get_ruledef(u.oid),
        CASE WHEN u.ev_enabled <> 'O' THEN 'enabled ' || u.ev_enabled::text END)
    FROM rel AS r JOIN pg_rewrite AS u ON u.ev_class = r.oid AND u.rulename <> '_RETURN' WHERE r.relhasrules
    UNION ALL
    SELECT r.relnamespace, 'statistics', s.stxname::text, pg_get_statisticsobjdef(s.oid)
    FROM pg_statistic_ext AS s JOIN rel AS r ON r.oid = s.stxrelid
    UNION ALL
    SELECT r.relnamespace, 'view', r.relname || ' reads', pg_get_viewdef(r.oid) FROM rel AS r WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT p.pronamespace, 'function', format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
        concat(CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE 'aggregate' || chr(10) END,
            'owner ', p.proowner::regrole, ', rights ', (SELECT string_agg(a::text, ' ' ORDER BY left(a::text, 7) = 'steward', a::text COLLATE "C")
                FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) AS a))
    FROM pg_proc AS p WHERE p.pronamespace IN (SELECT w.oid FROM wanted AS w)
    UNION ALL
    SELECT t.typnamespace, 'type', t.typname::text, CASE t.typtype
        WHEN 'e' THEN (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid)
        ELSE concat_ws(', ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'not null' END, t.typdefault,
            (SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname) FROM pg_constraint AS k
                WHERE k.contypid = t.oid)) END
    FROM pg_type AS t WHERE t.typtype IN ('e', 'd', 'r') AND t.typnamespace IN (SELECT w.oid FROM wanted AS w)
    UNION ALL
    SELECT d.defaclnamespace, 'default privileges', format('%s of %s', CASE d.defaclobjtype WHEN 'r' THEN 'tables'
        WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END, d.defaclrole::regrole),
        (SELECT string_agg(a::text, ' ' ORDER BY left(a::text, 7) = 'steward', a::text COLLATE "C") FROM unnest(d.defaclacl) AS a)
    FROM pg_default_acl AS d WHERE d.defaclnamespace IN (SELECT w.oid FROM wanted AS w)
),
clean AS (
    SELECT found.namespace, found.kind, found.name,
        replace(replace(replace(coalesce(found.body, ''), w.prefix, ''), w.other, ''), w.role, 'ROLE') AS body
    FROM found JOIN wanted AS w ON w.oid = found.namespace
)
