-- A revocation in one round trip: the function is in migrations/0003_functions.sql.
select hallpass_revoke($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
