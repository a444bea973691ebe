"""Building blocks of the pages, independent of tasks: templates, figures, rows of boards, and the base class of panels."""
