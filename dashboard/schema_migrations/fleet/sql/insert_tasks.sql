INSERT INTO public.fleet_task (run_id, schema_name, wave, step, from_revision) VALUES %s
ON CONFLICT (run_id, schema_name) DO NOTHING
