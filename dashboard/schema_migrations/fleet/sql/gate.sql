SELECT wave,
    count(*) FILTER (WHERE status = 'pending'),
    count(*) FILTER (WHERE status = 'running'),
    count(*) FILTER (WHERE status = 'failed'),
    greatest(0, extract(epoch FROM min(not_before) FILTER (WHERE status = 'pending') - clock_timestamp()))::float
FROM public.fleet_task
WHERE run_id = %(run)s AND status IN ('pending', 'running', 'failed')
GROUP BY wave
ORDER BY wave
LIMIT 1
