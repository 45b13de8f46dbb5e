UPDATE public.fleet_task
SET status = 'skipped', error = %(reason)s, finished_at = clock_timestamp()
WHERE run_id = %(run)s AND schema_name = %(schema)s AND status IN ('pending', 'failed')
