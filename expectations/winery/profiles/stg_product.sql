-- Products, one row a type.
WITH products AS (
  SELECT
    type,
    COUNT(*) OVER (PARTITION BY product_id) AS copies,
    COUNT(*) OVER (PARTITION BY sku) AS sku_copies,
    product_id IS NULL OR sku IS NULL OR title IS NULL OR type IS NULL OR price IS NULL AS incomplete,
    price < 0 AS negative_price,
    price <> ROUND(price, 2) AS odd_cents,
    bottle_ml <= 0 OR bottle_ml > 30000 AS odd_bottle,
    bottle_ml
  FROM raw.stg_product
)
SELECT
  type,
  COUNT(*) AS row_count,
  COUNTIF(copies > 1) AS duplicate_keys,
  COUNTIF(sku_copies > 1) AS duplicate_skus,
  COUNTIF(incomplete) AS incomplete_products,
  COUNTIF(negative_price) AS negative_prices,
  COUNTIF(odd_cents) AS fractions_of_a_cent,
  COUNTIF(odd_bottle) AS odd_bottles,
  MIN(bottle_ml) AS smallest_ml,
  MAX(bottle_ml) AS largest_ml
FROM products
GROUP BY type
ORDER BY type
