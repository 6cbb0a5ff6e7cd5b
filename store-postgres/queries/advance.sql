-- A step of trimming, at most once a minute. The next feed that polls sees the new number. What was over at the step
-- before this one may be removed now: a feed that knows that step's number has heard it. A clock that was turned back
-- delays a step by two minutes at most. An instant a little ahead is that of a step for which this one has waited: two
-- at once would lose every feed.
update hallpass_feed
set pass = pass + 1, trim_before = pg_snapshot_xmin(snap), snap = pg_current_snapshot(), at = now()
where started = pg_postmaster_start_time()
    and at not between now() - interval '60 s' and now() + interval '1 min'
