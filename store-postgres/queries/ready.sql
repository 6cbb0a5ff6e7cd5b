-- $1 the feed's row. Notes that every transaction which did not see it is over.
update hallpass_feed set ready = true where id = $1::text::uuid
