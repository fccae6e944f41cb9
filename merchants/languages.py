"""The languages of the product: of its pages, its letters, and what a merchant writes for members."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = [("en", "English"), ("ko", "한국어"), ("zh-hant", "繁體中文")]
#: Which country's habits go with a language here: Taiwan writes its dollar `$`, a bare zh_Hant locale `NT$`.
TERRITORIES: Final = {"en": "en_US", "ko": "ko_KR", "zh-hant": "zh_Hant_TW"}
