-- $1 selectors. Returns those that exist.
select selector from hallpass_tokens where selector = any ($1)
