"""What is computed: operators, models, phases. Imports arch only."""
