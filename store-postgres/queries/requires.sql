-- From the first feed on, programs that announce nothing are refused.
update hallpass_schema set compatible = 4 where version = 4 and compatible < 4
