"""The same raffle as one would write it first: the control that the site is measured against."""
