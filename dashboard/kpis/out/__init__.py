"""What leaves the pages of insights: their charts as pictures, whole pages as PDF, XLSX and CSV."""
