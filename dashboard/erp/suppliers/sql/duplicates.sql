-- Finds pairs of like suppliers and stores them; see duplicates.py.
WITH s AS MATERIALIZED (
  SELECT id, org_id, norm, regexp_replace(norm, '\D', '', 'g') AS digits,
    ARRAY(SELECT DISTINCT t FROM unnest(string_to_array(norm, ' ')) t WHERE t <> '' ORDER BY t) AS words,
    nullif(upper(regexp_replace(tax_id, '[^[:alnum:]]', '', 'g')), '') AS tax,
    lower(email) AS email,
    CASE WHEN split_part(lower(email), '@', 2) <> ALL (:free_mail) THEN split_part(lower(email), '@', 2) END AS mail_domain,
    nullif(regexp_replace(substring(lower(website) FROM '^(?:[a-z]+://)?([^/:?#]+)'), '^www\.', ''), '') AS web_domain,
    CASE WHEN length(regexp_replace(phone, '\D', '', 'g')) >= 7
      THEN right(regexp_replace(phone, '\D', '', 'g'), 9) END AS phone
  FROM (
    SELECT *, coalesce(nullif(btrim(regexp_replace(regexp_replace(plain, :legal_forms, ' ', 'g'), '\s+', ' ', 'g')), ''),
                       btrim(plain)) AS norm
    FROM (SELECT *, regexp_replace(replace(replace(lower(name), '.', ''), '''', ''), '[^[:alnum:]]+', ' ', 'g') AS plain
          FROM supplier WHERE deleted_at IS NULL) p
  ) n
),
telling AS (
  SELECT org_id, id, 't' || tax AS key FROM s WHERE tax IS NOT NULL
  UNION ALL SELECT org_id, id, 'p' || phone FROM s WHERE phone IS NOT NULL
  UNION SELECT org_id, id, 'd' || mail_domain FROM s WHERE mail_domain IS NOT NULL
  UNION SELECT org_id, id, 'd' || web_domain FROM s WHERE web_domain <> ALL (:free_mail)
  UNION ALL SELECT org_id, id, 'e' || email FROM s WHERE email IS NOT NULL
),
named AS (
  SELECT org_id, id, 'n' || array_to_string(words, ' ') AS key FROM s
  UNION ALL SELECT org_id, id, 'a' || array_to_string(array_remove(words, w), ' ') || '|' || left(w, 1)
    FROM s, unnest(words) w WHERE cardinality(words) BETWEEN 2 AND 8
  UNION ALL SELECT org_id, id, 'z' || array_to_string(array_remove(words, w), ' ') || '|' || right(w, 1)
    FROM s, unnest(words) w WHERE cardinality(words) BETWEEN 2 AND 8
  UNION ALL SELECT org_id, id, 'l' || left(norm, 4) FROM s WHERE cardinality(words) = 1 AND length(norm) > 4
  UNION ALL SELECT org_id, id, 'r' || right(norm, 4) FROM s WHERE cardinality(words) = 1 AND length(norm) > 4
),
keys AS MATERIALIZED (
  SELECT org_id, id, key FROM (SELECT *, count(*) OVER (PARTITION BY org_id, key) AS sharing FROM telling) x
  WHERE sharing BETWEEN 2 AND :telling
  UNION ALL
  SELECT org_id, id, key FROM (SELECT *, count(*) OVER (PARTITION BY org_id, key) AS sharing FROM named) x
  WHERE sharing BETWEEN 2 AND :crowd
),
candidates AS (
  SELECT a.id AS first_id, b.id AS second_id, array_agg(DISTINCT left(a.key, 1)) AS shared
  FROM keys a JOIN keys b ON b.org_id = a.org_id AND b.key = a.key AND a.id < b.id
  GROUP BY a.id, b.id
),
told AS (
  SELECT a.org_id, c.first_id, c.second_id, c.shared, a.tax, a.phone, a.email,
    CASE WHEN a.mail_domain IN (b.mail_domain, b.web_domain) THEN a.mail_domain ELSE a.web_domain END AS domain,
    a.tax <> b.tax AS other_tax,
    CASE WHEN a.norm = b.norm THEN 1 WHEN a.digits = b.digits THEN similarity(a.norm, b.norm) ELSE 0 END AS alike
  FROM candidates c JOIN s a ON a.id = c.first_id JOIN s b ON b.id = c.second_id
),
pieces AS (
  SELECT org_id, first_id, second_id, jsonb_path_query_array(jsonb_build_array(
      CASE WHEN 't' = ANY (shared) THEN jsonb_build_object('kind', 'tax_id', 'text', tax, 'points', (:points_tax_id)::integer) END,
      CASE WHEN 'e' = ANY (shared) THEN jsonb_build_object('kind', 'email', 'text', email, 'points', (:points_email)::integer)
           WHEN 'd' = ANY (shared) THEN jsonb_build_object('kind', 'domain', 'text', domain, 'points', (:points_domain)::integer) END,
      CASE WHEN 'p' = ANY (shared) THEN jsonb_build_object('kind', 'phone', 'text', phone, 'points', (:points_phone)::integer) END,
      CASE WHEN alike >= :least_name THEN jsonb_build_object('kind', 'name', 'text', to_char(alike, '0.00'),
           'points', round((:points_name)::integer * (alike - 0.5) / 0.5)) END,
      CASE WHEN other_tax THEN jsonb_build_object('kind', 'other_tax_id', 'text', '', 'points', (:points_other_tax_id)::integer) END
    ), '$[*] ? (@ != null)') AS evidence
  FROM told
),
found AS MATERIALIZED (
  SELECT org_id, first_id, second_id, score, evidence FROM (
    SELECT *, (SELECT least(100, greatest(0, sum((e ->> 'points')::numeric)))::integer
               FROM jsonb_array_elements(evidence) e) AS score
    FROM pieces) scored
  WHERE score >= :least_score
),
kept AS (
  INSERT INTO supplier_pair AS p (org_id, first_id, second_id, score, evidence)
  SELECT org_id, first_id, second_id, score, evidence FROM found
  ON CONFLICT (first_id, second_id) DO UPDATE SET score = excluded.score, evidence = excluded.evidence
  WHERE (p.score, p.evidence) IS DISTINCT FROM (excluded.score, excluded.evidence)
),
gone AS (
  DELETE FROM supplier_pair p WHERE dismissed_at IS NULL
  AND NOT EXISTS (SELECT FROM found f WHERE f.first_id = p.first_id AND f.second_id = p.second_id)
)
SELECT count(*) FROM found
