-- Experiences, one row each: there are few, and they are no persons.
SELECT
  experience,
  attribution,
  COUNT(*) AS copies,
  COUNTIF(experience IS NULL OR attribution IS NULL) AS incomplete_experiences
FROM raw.dim_experience
GROUP BY experience, attribution
ORDER BY experience, attribution
