-- How many announcements there are.
select count(*) from hallpass_changes
