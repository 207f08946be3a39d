"""What Riverbend Health, a payer that is made up, asks of massage and manual therapy."""
