-- $1 selectors. Which of them are there.
select selector from hallpass_tokens where selector = any ($1)
