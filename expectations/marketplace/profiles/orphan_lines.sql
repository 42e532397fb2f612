-- Lines whose document is not there, one row a kind of document.
SELECT 'invoice' AS document, COUNTIF(i.id IS NULL) AS orphans, COUNT(*) AS row_count
FROM src_fivetran_qbo.invoice_line AS l
LEFT JOIN src_fivetran_qbo.invoice AS i ON i.id = l.invoice_id
UNION ALL
SELECT 'credit_memo' AS document, COUNTIF(m.id IS NULL) AS orphans, COUNT(*) AS row_count
FROM src_fivetran_qbo.credit_memo_line AS l
LEFT JOIN src_fivetran_qbo.credit_memo AS m ON m.id = l.credit_memo_id
