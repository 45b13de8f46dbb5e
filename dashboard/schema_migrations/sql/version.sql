SELECT version_num::text AS revision FROM {schema}.{name}
