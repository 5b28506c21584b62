"""What operators look at: metrics and logs. Nothing in here names a person."""
