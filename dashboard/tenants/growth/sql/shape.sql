-- What a table consists of, as statements that make the same on another table of its name.
SELECT
    c.relkind::text AS kind,
    c.relrowsecurity AS has_policies,
    (SELECT coalesce(json_agg(json_build_array(i.relname, CASE WHEN x.indisprimary THEN '' ELSE pg_get_indexdef(i.oid) END)
        ORDER BY i.relname), '[]')
        FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes,
    (SELECT coalesce(json_agg(json_build_array(k.conname, pg_get_constraintdef(k.oid)) ORDER BY k.conname), '[]')
        FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f')) AS keys,
    (SELECT coalesce(json_agg(json_build_array(t.tgname, pg_get_triggerdef(t.oid)) ORDER BY t.tgname), '[]')
        FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
    (SELECT coalesce(json_agg(json_build_array(a.grantee::regrole::text, a.privilege_type)), '[]')
        FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner AND a.grantee <> 0) AS rights,
    (SELECT array_agg(a.attname::text) FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attidentity = 'a' AND NOT a.attisdropped) AS always,
    (SELECT json_build_array(format('%%I.%%I', q.schemaname, q.sequencename), coalesce(q.last_value, 0))
        FROM pg_sequences AS q
        WHERE format('%%I.%%I', q.schemaname, q.sequencename) = pg_get_serial_sequence(c.oid::regclass::text, 'id')) AS sequence,
    ARRAY(SELECT k.conrelid::regclass::text FROM pg_constraint AS k WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conrelid <> c.oid)
    || ARRAY(SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = c.oid AND r.ev_class <> c.oid) AS obstacles
FROM pg_class AS c
WHERE c.oid = CAST(%(table)s AS regclass)
