"""What the objectives cost beside a plain policy gradient."""
