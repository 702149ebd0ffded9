"""The administrators' pages: what is in quarantine, jobs, peers, models, the audit trail, how full everything is."""
