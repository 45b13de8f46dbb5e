"""The page behind an invited supplier's link: nothing else of the tenant is visible there."""
