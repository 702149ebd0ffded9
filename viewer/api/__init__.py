"""The JSON API ``/api/v1``: the lists of the pages for programs. It reads; nothing here changes a study."""
