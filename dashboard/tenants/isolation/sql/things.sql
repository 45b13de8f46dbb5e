-- One thing of each kind in every tenant's schema; another one each round, so that in time all have had their turn.
SELECT found.schema_name, found.kind, found.names[1 + %(round)s %% array_length(found.names, 1)] AS name
FROM (
    SELECT n.nspname AS schema_name, c.relkind::text AS kind,
           array_agg(quote_ident(c.relname) ORDER BY c.relname) AS names
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    GROUP BY 1, 2
    UNION ALL
    SELECT n.nspname, 'function',
           array_agg(quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' ORDER BY p.proname)
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY (%(schemas)s)
    GROUP BY 1
    UNION ALL
    SELECT n.nspname, 'type', array_agg(quote_ident(t.typname) ORDER BY t.typname)
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND t.typtype IN ('e', 'd', 'c') AND t.typname !~ '^_'
    GROUP BY 1
) AS found
