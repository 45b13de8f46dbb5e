UPDATE public.fleet_task
SET status = 'pending', worker = '', lock_waits = lock_waits + %(waits)s, error = %(reason)s,
    not_before = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE run_id = %(run)s AND schema_name = %(schema)s AND status = 'running'
