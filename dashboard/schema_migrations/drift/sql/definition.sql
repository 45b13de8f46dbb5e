-- Every definition of a schema as text; the names that belong to this schema alone are left out, so that two can be compared:
-- its own, that of `other` (a schema it may point at), and that of the tenant's role.
-- The caller's search_path is empty, so that names are printed with their schema.
WITH s AS (SELECT oid, quote_ident(nspname) || '.' AS prefix FROM pg_namespace WHERE nspname = :schema),
rel AS (SELECT c.* FROM pg_class AS c JOIN s ON s.oid = c.relnamespace),
found AS (
    SELECT 'table' AS kind, r.relname::text AS name,
        concat_ws('|', r.relkind, r.relrowsecurity, r.relforcerowsecurity, r.relowner::regrole, r.reloptions,
            (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(r.relacl) AS a)) AS body
    FROM rel AS r WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S')
    UNION ALL
    SELECT 'column', format('%s.%s', r.relname, a.attname),
        concat_ws('|', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            a.attstattarget, pg_get_expr(d.adbin, d.adrelid))
    FROM rel AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT 'constraint', format('%s.%s', r.relname, k.conname), concat_ws('|', k.convalidated, pg_get_constraintdef(k.oid))
    FROM pg_constraint AS k JOIN rel AS r ON r.oid = k.conrelid
    UNION ALL
    SELECT 'index', r.relname::text, concat_ws('|', i.indisvalid, pg_get_indexdef(i.indexrelid))
    FROM pg_index AS i JOIN rel AS r ON r.oid = i.indexrelid
    UNION ALL
    SELECT 'trigger', format('%s.%s', r.relname, t.tgname), concat_ws('|', t.tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger AS t JOIN rel AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', format('%s.%s', r.relname, p.polname),
        concat_ws('|', p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
            pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p JOIN rel AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'function', format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
        concat_ws('|', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl)
    FROM pg_proc AS p JOIN s ON s.oid = p.pronamespace WHERE p.prokind <> 'a'
    UNION ALL
    SELECT 'view', r.relname::text, pg_get_viewdef(r.oid) FROM rel AS r WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT 'default privileges', format('%s of %s', d.defaclobjtype, d.defaclrole::regrole),
        (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(d.defaclacl) AS a)
    FROM pg_default_acl AS d JOIN s ON s.oid = d.defaclnamespace
)
SELECT found.kind, found.name, replace(
    replace(replace(coalesce(found.body, ''), s.prefix, ''), quote_ident(:other) || '.', ''), quote_ident(:role), 'ROLE'
) AS body
FROM found, s ORDER BY 1, 2, 3
