"""From a log to a model: what was recorded, multiple shooting, how sure a fit is."""
