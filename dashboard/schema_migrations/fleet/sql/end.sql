UPDATE public.fleet_task
SET status = %(status)s, error = %(reason)s, finished_at = clock_timestamp()
WHERE run_id = %(run)s AND schema_name = %(schema)s AND status = 'running'
