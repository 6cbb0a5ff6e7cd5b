-- A revocation in one round trip: the function is in migrations/0005_announcing.sql.
select hallpass_end($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
