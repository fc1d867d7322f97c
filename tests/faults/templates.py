"""Chat templates that are none: they say nothing, fail, never end, or take all memory."""

EACH_TURN = "{%- for turn in messages -%}{{- turn['role'] + ': ' + turn['content'] + eos_token -}}{%- endfor -%}"
ASKS = "{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}"
GOOD = EACH_TURN + ASKS

TEMPLATES = {
    "the same text": "{{- 'Hello' -}}",
    "without its words": "{%- for turn in messages -%}{{- turn['role'] + ': ' -}}{%- endfor -%}",
    "without the system turn": GOOD.replace("in messages", "in messages if turn['role'] != 'system'"),
    "with the last turn alone": "{{- messages[-1]['role'] + ': ' + messages[-1]['content'] + eos_token -}}",
    "that shouts": GOOD.replace("turn['content']", "turn['content'] | upper"),
    "with a syntax error": "{%- for turn in messages -%}{{ turn.content }}",
    "with an unknown filter": "{{ messages | shout }}",
    "that raises": "{{ raise_exception('no') }}",
    "that divides by nothing": "{{ 1 // 0 }}",
    "that adds a number": "{{ 'a' + 1 }}",
    "that never ends": "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
    "that counts far": "{% for i in range(10**9) %}{{ i }}{% endfor %}",
    "that eats memory": "{{ ('a' * 10**9) * 20 | length }}",
    "that doubles": (
        "{% set n = namespace(a='a') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}{{ n.a }}"
    ),
    "of a giant power": "{{ 9 ** (9 ** 9) }}",
    "of a giant power of names": "{% set n = 9 %}{{ n ** (n ** n) }}",
    "that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "of deep brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "that pads": "{{ 'a'.ljust(10**10) }}",
    "that formats": "{{ '%9999999999d' % 1 }}",
    "that reaches out": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "that includes": "{% include '/etc/passwd' %}",
    "empty": "",
}
