-- What a worker's session is given once: both functions live as long as it, in its temporary schema, and so belong to the release
-- that runs them. As functions with a path of their own their plans are made once, not for each schema's path again.
--
-- A commit that a crash of the server forgets takes the change, the version, the ledger and the task's counter with it, and is
-- done again; what comes later is never kept without what came before. So none is waited for before the run's end.
SET synchronous_commit TO off;

CREATE FUNCTION pg_temp.fleet_claim(its_run int, its_wave int, its_worker text)
RETURNS TABLE (
    schema_name text, wave int, step int, from_revision text, attempts int, lock_waits int, duration_ms float, is_locked boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_unlock_all();
    RETURN QUERY
    UPDATE public.fleet_task AS t SET status = 'running', worker = its_worker, attempts = t.attempts + 1
    WHERE (t.run_id, t.schema_name) = (
        SELECT f.run_id, f.schema_name FROM public.fleet_task AS f
        WHERE f.run_id = its_run AND f.wave = its_wave AND f.status = 'pending' AND f.not_before <= clock_timestamp()
        ORDER BY f.not_before LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING t.schema_name, t.wave, t.step, t.from_revision, t.attempts, t.lock_waits, t.duration_ms,
        (SELECT pg_try_advisory_lock(hashtextextended(t.schema_name, 7310002)));
END $body$;

-- Writes version, ledger, history and the task's counter; raises SF001 unless each was as expected. Statements before this one in
-- the same message are counted from its arrival, those before by `milliseconds`.
CREATE FUNCTION pg_temp.fleet_note(
    its_run int, its_schema text, its_step int, before text, after text, moves boolean, is_last boolean, actor text,
    milliseconds float
)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
#variable_conflict use_column
DECLARE
    versions constant text := quote_ident(its_schema) || '.alembic_version';
    spent constant float := milliseconds + extract(epoch FROM clock_timestamp() - statement_timestamp())::float * 1000;
    written bigint := 1;
    its_tenant int;
BEGIN
    IF moves AND after IS NULL THEN
        EXECUTE 'DELETE FROM ' || versions || ' WHERE version_num = $1' USING before;
        GET DIAGNOSTICS written = ROW_COUNT;
    ELSIF moves AND before IS NULL THEN
        EXECUTE 'INSERT INTO ' || versions || ' (version_num) SELECT $1 WHERE NOT EXISTS (SELECT FROM ' || versions || ')'
        USING after;
        GET DIAGNOSTICS written = ROW_COUNT;
    ELSIF moves THEN
        EXECUTE 'UPDATE ' || versions || ' SET version_num = $2 WHERE version_num = $1' USING before, after;
        GET DIAGNOSTICS written = ROW_COUNT;
    ELSIF before IS NOT NULL THEN
        EXECUTE 'SELECT count(*) FROM ' || versions || ' WHERE version_num = $1' INTO written USING before;
    END IF;
    IF written = 0 THEN
        RAISE EXCEPTION '% does not stand at %, where this step begins', its_schema, coalesce(before, 'base')
            USING ERRCODE = 'SF001';
    END IF;

    IF moves THEN
        UPDATE public.schema_head AS h
        SET revision = after, moved_at = clock_timestamp(), fingerprint = NULL, fingerprinted_at = NULL
        WHERE h.schema_name = its_schema
        RETURNING h.tenant_id INTO its_tenant;
        IF NOT found THEN
            RAISE EXCEPTION '% is not in the ledger', its_schema USING ERRCODE = 'SF001';
        END IF;
    END IF;
    IF its_tenant IS NOT NULL THEN
        INSERT INTO public.tenant_revision (tenant_id, from_revision, to_revision, applied_by, duration_ms)
        VALUES (its_tenant, before, after, actor, round(spent));
    END IF;

    UPDATE public.fleet_task AS t
    SET step = its_step + 1,
        duration_ms = t.duration_ms + spent,
        status = CASE WHEN is_last THEN 'done' ELSE t.status END,
        error = CASE WHEN is_last THEN '' ELSE t.error END,
        finished_at = CASE WHEN is_last THEN clock_timestamp() END
    WHERE t.run_id = its_run AND t.schema_name = its_schema AND t.step = its_step AND t.status = 'running';
    IF NOT found THEN
        RAISE EXCEPTION 'somebody else went on with %', its_schema USING ERRCODE = 'SF001';
    END IF;
END $body$;
