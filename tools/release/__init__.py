"""What a release and the hosted editions need."""
