"""Pages: the report as HTML and Markdown, its pictures, and the model card."""
