-- $1 the present instant. Whether anything is left to purge.
select exists (select from hallpass_tokens where purge_at <= $1)
