"""The rules of policy loans: records, money, schedules, scores, letters. No clock, no random, no I/O."""
