delete from hallpass_tokens where selector = $1
