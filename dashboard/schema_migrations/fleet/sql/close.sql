UPDATE public.fleet_task
SET status = 'skipped', worker = '', error = %(reason)s, finished_at = clock_timestamp()
WHERE run_id = %(run)s AND status = 'pending'
