"""Run record, lock, release and progress: a night that can be trusted."""
