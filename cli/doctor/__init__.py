"""``perfuscope doctor``: says whether everything is as it should be, and if not, what to do."""
