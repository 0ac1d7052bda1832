"""The whole loop: against TRL, by stage, and sampling alone."""
