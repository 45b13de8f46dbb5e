UPDATE public.fleet_task SET schema_name = %(new)s
WHERE schema_name = %(old)s AND status IN ('pending', 'failed')
