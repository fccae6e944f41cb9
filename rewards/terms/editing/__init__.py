"""How the parts of the terms are edited: the words for it (`vocabulary`), what their types tell (`kinds`), and a module of
declarations for each module of parts, which those parts take as their own."""

from rewards.terms.editing.vocabulary import Edit as Edit
from rewards.terms.editing.vocabulary import Editor as Editor
from rewards.terms.editing.vocabulary import FieldGroup as FieldGroup
