"""What a machine is: configuration, number formats, technology tables. Imports nothing of ours."""
