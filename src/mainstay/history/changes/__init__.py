"""Changes of the past or the plan, out of the exports of where they are recorded."""
