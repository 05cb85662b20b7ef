-- Until the commit no other account gets a name or an address: two that sign up at once cannot take the same one.
SELECT {postgresql:pg_advisory_xact_lock(hashtext('headway accounts'))} {sqlite:1}
