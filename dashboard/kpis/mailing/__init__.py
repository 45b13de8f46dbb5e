"""Pages of insights by mail, each day, week or month: with their figures, charts as pictures and the PDF."""
