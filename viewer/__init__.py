"""The pages that staff look at: server-rendered, de-identified where possible, for this machine alone."""
